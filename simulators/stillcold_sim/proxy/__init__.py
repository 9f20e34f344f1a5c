"""A bad network before a broker, or before anything else that speaks TCP."""

from stillcold_sim.proxy.model import ProxyFile, Route, Trouble, load_proxy
from stillcold_sim.proxy.pump import Counts
from stillcold_sim.proxy.run import Proxies, proxying

__all__ = ["Counts", "Proxies", "ProxyFile", "Route", "Trouble", "load_proxy", "proxying"]
