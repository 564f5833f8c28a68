# A feature of the future that there is not.
from __future__ import no_such_thing
