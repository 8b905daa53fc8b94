"""The store on a Redis server: for selection states that several machines share."""
