namespace Adcp.Aot.Payloads.Notifications;

/// <summary>AdCP's <c>right-use</c>: a use that a rights grant covers. The wire name is the member's in snake case.</summary>
public enum RightUse
{
    /// <summary><c>likeness</c></summary>
    Likeness = 0,

    /// <summary><c>voice</c></summary>
    Voice = 1,

    /// <summary><c>name</c></summary>
    Name = 2,

    /// <summary><c>endorsement</c></summary>
    Endorsement = 3,

    /// <summary><c>motion_capture</c></summary>
    MotionCapture = 4,

    /// <summary><c>signature</c></summary>
    Signature = 5,

    /// <summary><c>catchphrase</c></summary>
    Catchphrase = 6,

    /// <summary><c>sync</c></summary>
    Sync = 7,

    /// <summary><c>background_music</c></summary>
    BackgroundMusic = 8,

    /// <summary><c>editorial</c></summary>
    Editorial = 9,

    /// <summary><c>commercial</c></summary>
    Commercial = 10,

    /// <summary><c>ai_generated_image</c></summary>
    AiGeneratedImage = 11,
}
