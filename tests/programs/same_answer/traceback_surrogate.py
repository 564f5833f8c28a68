# What standard error cannot encode is escaped.
raise ValueError("\ud800 and \udcff")
