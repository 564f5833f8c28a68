# Each place warns once: a registry that a runner has filled would swallow it.
import warnings
for _ in range(3):
    warnings.warn("in a loop")
print(sorted(k for k in globals()["__warningregistry__"] if k == "version"), len(__warningregistry__))
