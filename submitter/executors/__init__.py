"""How programs are run: what is said to an executor, and how one is started."""
