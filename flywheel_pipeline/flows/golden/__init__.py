"""The golden set of a home: grown by a run, reviewed by people, exchanged with other tools."""
