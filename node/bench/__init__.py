"""The one home of measurements: `lrx bench NAME`."""
