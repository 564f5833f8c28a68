# site's paths are computed at start, from the environment of then.
import site
print(site.ENABLE_USER_SITE, site.USER_SITE, site.USER_BASE, site.getsitepackages(), site.PREFIXES)
