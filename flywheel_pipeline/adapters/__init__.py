"""The edge: each folder implements a port, or holds one outside thing. Siblings never import each other."""
