"""Keep two Unity Catalog metastores, objects and data, in the state that a YAML file declares."""

__version__ = "0.1.0"
