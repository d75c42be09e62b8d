"""The sample applications: small real HTTP services that can be told to misbehave."""
