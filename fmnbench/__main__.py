"""`python -m fmnbench` is the `fmnbench` command."""

from fmnbench.cli.main import main

if __name__ == "__main__":
    main()
