"""`python -m latentsweep`."""

from latentsweep.commands.main import entry

if __name__ == "__main__":
    entry()
