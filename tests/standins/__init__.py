"""Stand-ins for the providers: real HTTP servers on 127.0.0.1, written from what is known of each provider's protocol,
not from Granary's code. A test makes accounts on them, switches faults on, and reads back every call they received."""

from .ag_leader import AgLeader
from .agvance import Agvance
from .base import Answer, Call, StandIn
from .sentera import Sentera
from .valley import Valley

__all__ = ["AgLeader", "Agvance", "Answer", "Call", "Sentera", "StandIn", "Valley"]
