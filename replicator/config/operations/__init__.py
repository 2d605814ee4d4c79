"""The four operations of the original design, each compiled into the resources that it means."""
