"""Words of a vocabulary that a picture is nearest to."""
