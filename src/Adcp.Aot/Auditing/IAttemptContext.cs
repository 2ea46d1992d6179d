namespace Adcp.Aot.Auditing;

/// <summary>What a caller said of its delivery, as far as a record repeats it.</summary>
internal interface IAttemptContext
{
    string? SequenceKey { get; }

    string? BreakerKey { get; }

    string? NotificationType { get; }
}
