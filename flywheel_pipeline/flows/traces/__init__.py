"""Look at the traces of a home: filter them, open one, send some to be labelled, keep views."""
