"""What stands behind composites: functions run with their names bound to lifted ones.

`bodies` reads code, `world` binds names, `modules`, `objects` and `tables` are what names find
there, `state` looks after what outlives a call, and the rest are the stand-ins: what names of
Python, of its library and of NumPy mean inside a composite.
"""

__all__: list[str] = []
