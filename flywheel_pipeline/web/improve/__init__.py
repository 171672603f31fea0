"""The page on which people try a prompt before a run proposes or promotes one."""
