"""The commands of `tollhouse`, by what they are about; `cli.py` knows their names."""
