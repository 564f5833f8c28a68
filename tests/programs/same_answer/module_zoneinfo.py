# Time zones as far as the system has them.
import zoneinfo
try: print(zoneinfo.ZoneInfo("Europe/Berlin").key, len(zoneinfo.TZPATH))
except Exception as error: print(type(error).__name__, error)
