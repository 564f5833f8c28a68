# A warning's text names the file and shows the line.
import warnings
warnings.warn("beware")
warnings.warn("old", DeprecationWarning)
warnings.warn("soon old", PendingDeprecationWarning)
warnings.warn("leak", ResourceWarning)
