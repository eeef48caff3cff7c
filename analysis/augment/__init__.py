"""From finished runs to datasets that recommenders are trained on."""
