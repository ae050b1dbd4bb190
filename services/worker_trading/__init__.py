"""worker-trading: takes orders to a simulated venue and keeps the positions."""
