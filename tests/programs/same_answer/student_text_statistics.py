# Words counted from standard input.
# case: {"stdin": "the cat and the dog\nand THE bird.\n"}
# case: {"stdin": ""}
import sys
counts = {}
for line in sys.stdin:
    for word in line.lower().split():
        word = word.strip(".,;!?")
        counts[word] = counts.get(word, 0) + 1
for word, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
    print(f"{word:10}{count:3}")
