"""Work that is done at set times, on one of the servers, and caught up when none was there."""
