"""Label Studio: tasks to a server, answers from it. Only the commands of `cliploom review` go there."""
