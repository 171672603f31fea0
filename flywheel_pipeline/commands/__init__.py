"""What the command line does: make homes, turn the flywheel, query tables, change the production prompt."""
