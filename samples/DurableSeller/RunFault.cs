namespace DurableSeller;

/// <summary>Ends the run, because something happened that has nothing to do with the deliveries.</summary>
internal sealed class RunFault(string message) : Exception(message);
