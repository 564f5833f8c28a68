# Paths and variables.
import sysconfig
print(sorted(sysconfig.get_paths().items()))
print(sysconfig.get_platform(), sysconfig.get_python_version(), sysconfig.get_config_var("EXT_SUFFIX"))
