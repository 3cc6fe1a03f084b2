"""The rights policy of a recipe: licences of sources, what may be passed on, and what was taken down."""
