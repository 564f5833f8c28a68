# A pickle written and read back, with a class of the program.
import pickle
class Account:
    def __init__(self, balance): self.balance = balance
with open("a.pickle", "wb") as file: pickle.dump({"me": Account(5)}, file)
with open("a.pickle", "rb") as file: print(pickle.load(file)["me"].balance)
try: pickle.dumps(lambda: 0)
except Exception as error: print(type(error).__name__, str(error).split(" at ")[0])
