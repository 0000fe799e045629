"""The service or its database is killed in the middle of a load: nothing acknowledged is lost, nothing half there."""
