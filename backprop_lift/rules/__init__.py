"""Rules, one module a namespace.

Each is loaded when its package has been imported and is asked about; see `backprop_lift._registry`.
"""
