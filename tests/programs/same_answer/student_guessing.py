# A game with seeded chance, over standard input.
# case: {"stdin": "50\n25\n12\n6\n3\n9\n"}
import random
random.seed(7)
secret = random.randint(1, 100)
for attempt in range(1, 100):
    guess = int(input("guess: "))
    if guess == secret:
        print("right after", attempt)
        break
    print("too low" if guess < secret else "too high")
