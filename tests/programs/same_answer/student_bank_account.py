# A class with an exception of its own that nobody catches.
class InsufficientFunds(Exception):
    pass
class Account:
    def __init__(self, owner, balance=0):
        self.owner, self.balance = owner, balance
    def withdraw(self, amount):
        if amount > self.balance:
            raise InsufficientFunds(f"{self.owner} has only {self.balance}")
        self.balance -= amount
    def __repr__(self):
        return f"Account({self.owner!r}, {self.balance})"
account = Account("Ann", 100)
account.withdraw(30)
print(account)
account.withdraw(80)
