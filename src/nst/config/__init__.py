"""From a configuration to built objects; the only package that reads Hydra's configuration."""
