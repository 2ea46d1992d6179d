namespace Adcp.Aot.Auditing;

/// <summary>The caller's options of a delivery that a record repeats.</summary>
internal interface IAttemptContext
{
    string? SequenceKey { get; }

    string? BreakerKey { get; }

    string? NotificationType { get; }
}
