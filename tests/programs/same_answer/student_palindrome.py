# Strings turned around.
# case: {"arguments": ["A man, a plan, a canal: Panama"]}
# case: {"arguments": ["été"]}
# case: {"arguments": ["no"]}
import sys
text = [c.lower() for c in sys.argv[1] if c.isalpha()]
print("yes" if text == text[::-1] else "no")
