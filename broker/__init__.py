"""The service: settings, errors and command line, the HTTP surfaces, and the way of the data from login to purge."""
