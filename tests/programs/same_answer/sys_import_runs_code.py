# `import this` prints when it is imported, once.
import this
import this
