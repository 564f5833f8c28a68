# Two generators of a process differ; what two runs give is tested elsewhere.
import random, secrets, uuid
print(random.random() != random.Random().random(), len(secrets.token_hex(4)), uuid.uuid4().version)
