"""The flywheel: pure logic, one folder per step. Steps never import each other and touch nothing outside."""
