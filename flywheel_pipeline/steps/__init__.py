"""The flywheel: pure logic, one folder a step. Steps never import each other and touch nothing outside."""
