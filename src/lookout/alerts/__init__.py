"""What an alert is. Pure: values and functions of them, no I/O, no clock."""
