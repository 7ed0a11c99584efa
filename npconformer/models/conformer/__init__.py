"""The Conformer encoder (Gulati et al. 2020), written once for every model that has one."""
