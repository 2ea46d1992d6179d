namespace Adcp.Aot;

/// <summary>AdCP's <c>task-status</c>.</summary>
public enum AdcpTaskStatus
{
    /// <summary><c>submitted</c></summary>
    Submitted = 0,

    /// <summary><c>working</c></summary>
    Working = 1,

    /// <summary><c>input-required</c></summary>
    InputRequired = 2,

    /// <summary><c>completed</c>, terminal</summary>
    Completed = 3,

    /// <summary><c>canceled</c>, terminal</summary>
    Canceled = 4,

    /// <summary><c>failed</c>, terminal</summary>
    Failed = 5,

    /// <summary><c>rejected</c>, terminal</summary>
    Rejected = 6,

    /// <summary><c>auth-required</c></summary>
    AuthRequired = 7,

    /// <summary><c>unknown</c></summary>
    Unknown = 8,
}
