"""The store's hub (DESIGN section 7): what it asks of the cloud, what the answers mean, and the process around it."""
