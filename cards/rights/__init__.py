"""What may be passed on: licences of sources, the recipe's policy, and what was taken down."""
